"""Commands that ask a running Linli over its REST API, here or elsewhere: `linli login`, `linli alerts`,
`linli devices`, `linli webhooks`."""
