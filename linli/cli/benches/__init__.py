"""The benches of `linli bench`, one module each, with a function `measure(settings, quick) -> Measured`."""
