"""What leaves the house: deliveries of events and messages, for every service that has some."""
