import signal
import sys
import time

import schedule

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
schedule.every(5).seconds.do(lambda: print("swept"))
print("waiting for work")
while True:
    schedule.run_pending()
    time.sleep(1)
