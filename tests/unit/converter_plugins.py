"""Extractors that tests load as plugins."""


class Stepper:
    """Two features of a number; the second one's key ends like one of an idf weight."""

    @staticmethod
    def create(params):
        stepper = Stepper()
        stepper.step = float(params["step"])
        return stepper

    def extract(self, key, value):
        return [(key, value * self.step), (key + "$x@stepper/" + "idf", 1)]


class Bytes:
    """The length and the last byte of a binary value."""

    @staticmethod
    def create(_params):
        return Bytes()

    def extract(self, key, value):
        return [(key + "#length", len(value)), *((f"{key}#last/bm25", byte) for byte in value[-1:])]


class Scored:
    """Words with scores: each character counts, and a trailing `-` takes away as much."""

    @staticmethod
    def create(_params):
        return Scored()

    def extract(self, text):
        return [
            (0, 0, word.rstrip("-"), -len(word) + 1 if word.endswith("-") else len(word))
            for word in text.split()
        ]
