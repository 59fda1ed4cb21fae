"""What people type. A command parses, calls the server or the pipeline, and prints; it decides nothing itself."""
