"""Actions: what people do on GitHub. Each changes the state and then sends the webhooks that GitHub would send."""
