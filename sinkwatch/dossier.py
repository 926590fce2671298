"""What an evidence pack says of one place: both sides, each figure with its source and doubt."""
