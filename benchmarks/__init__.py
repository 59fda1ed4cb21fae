"""What Holdfast does in a second, measured beside what a person would compare it with.

    python -m benchmarks [--quick] [--only PART] [--check]

Each part is a module with one function `measure(...)` that returns plain figures: `throughput`, `durability`,
`startup`, `scale`. `report` turns the figures of one run into README.md and results.json. Everything binds to loopback,
runs on throw-away data directories, and is repeated in interleaved rounds, so that a busy moment of the machine hits
all sides.
"""
