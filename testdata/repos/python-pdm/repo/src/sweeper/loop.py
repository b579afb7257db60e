import time

import schedule


def main() -> None:
    schedule.every(5).seconds.do(lambda: print("swept"))
    print("waiting for work")
    while True:
        schedule.run_pending()
        time.sleep(1)
