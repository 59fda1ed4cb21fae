"""Our own calls: signed JSON 1.1 like any AWS call, SigV4 service `holdfast`, or unsigned over the control socket."""
