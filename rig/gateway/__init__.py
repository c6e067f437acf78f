"""The gateway: the instrument that ends a device's MQTT connection, answers, and records."""
