TEST(Noun, Works) {}
