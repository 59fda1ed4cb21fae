"""AWS Secrets Manager, Parameter Store and KMS as software anyone can run."""

__version__ = "0.1.0"
