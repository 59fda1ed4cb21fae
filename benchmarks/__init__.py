"""What Holdfast does in a second, measured beside what a person would compare it with.

    python -m benchmarks [--quick] [--only PART [--keep]] [--render] [--check]

Each part is a module with one function `measure(...)` that returns plain figures; `parts` lists them, `results` keeps what
they found in results.json, `goals` says what is enough, `report` renders README.md. Everything binds to loopback, runs on
throw-away data directories, and is repeated in interleaved rounds, so that a busy moment of the machine hits all sides.
"""
