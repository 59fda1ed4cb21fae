"""AWS Security Token Service: who am I. Roles and sessions come with IAM."""
