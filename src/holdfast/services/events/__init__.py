"""EventBridge: patterns that pick events, and what targets get of them."""
