"""The process: settings, listener, pipeline, worker, health, metrics, graceful stop."""
