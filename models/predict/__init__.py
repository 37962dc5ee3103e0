"""Does knowing votes help to predict the order of results?"""
