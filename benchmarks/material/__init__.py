"""A small bundle that benchmarks and tests take apart, change and sign again."""
