"""The registry over REST: what there is, from the district to a device, who says so and since when."""
