"""From MQTT to the store: check, write, acknowledge. What is refused is kept as a dead letter with its reason."""
