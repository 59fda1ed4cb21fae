"""What runs functions: their processes, what these may see, and the Runtime API that they speak. Knows no service."""
