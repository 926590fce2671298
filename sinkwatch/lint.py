"""What no sentence of ours may say, and what every pack has to."""
