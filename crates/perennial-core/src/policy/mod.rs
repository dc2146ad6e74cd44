//! AWS IoT's policy language for the MQTT actions: documents, and what they allow a principal.
