"""Rules tried before anyone is woken: test files, backtests over stored data, and kept journals run again."""
