"""The registry's pages: places from the district to a room, devices, floor plans, and what somebody should look at."""
