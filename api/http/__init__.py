"""What every request passes and every answer is made of, whatever it is about."""
