"""Others are told: webhooks, what they are sent, and the sending."""
