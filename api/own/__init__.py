"""What a resident sees and says of themselves."""
