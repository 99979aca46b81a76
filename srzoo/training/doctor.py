"""stub"""


class Doctor:
    def __init__(self, scale):
        pass

    def watch(self, step, logs):
        return []

    def examine(self, step, pairs):
        return {}, []
