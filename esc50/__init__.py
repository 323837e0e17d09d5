"""Environmental-sound classification experiments whose numbers can be trusted."""
