int noun() { return 1; }
