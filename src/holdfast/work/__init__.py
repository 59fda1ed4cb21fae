"""Clocks and durable due jobs: what happens without anybody calling."""
