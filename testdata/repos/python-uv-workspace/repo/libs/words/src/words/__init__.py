import inflect


def greet(name):
    return inflect.engine().a(name)
