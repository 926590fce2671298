"""An evidence pack as files: sheets true to scale, the text behind them, the same facts as data."""
