"""MQTT, through Eclipse Paho."""
