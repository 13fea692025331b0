"""The tests of Linli: unit, contract, integration, browser, e2e, architecture."""
