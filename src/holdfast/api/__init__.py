"""AWS's service models as Python types.

`base` is written by hand; every other module is written by `make generate` from the models that botocore ships and is
never edited. A module is imported when its service is first used: all of them together cost about 100 ms and 9 MB.
"""
