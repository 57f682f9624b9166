"""A unit signed in -> its part of the quarterly survey: the village's form, the town's and the district's steps."""
