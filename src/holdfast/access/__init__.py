"""May this principal do this? Policies, principals, evaluation, explanations. Knows no service, no store and no clock.

    text ─► document ─► grammar ─► policy (patterns, comparisons, conditions, principals)      once per version
                                      │
    grounds.Identity ───────────► evaluate ─► decision.Decision ─► explain                     every call
    request.AccessRequest ──────────► keys (values of condition keys, when first asked for)

`reference` is the same in the plainest form, for tests. `tests/access/differences.py` lists where an independent
implementation differs, with AWS's documentation on who is right.
"""
