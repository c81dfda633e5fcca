"""The tasks of a small product, as its producers and its worker know them. DEMO_URL is the address of the server."""

from __future__ import annotations

import os
import random
import time

from celery import Celery

app = Celery("demo", broker=os.environ["DEMO_URL"])
app.conf.update(
    task_ignore_result=True,
    # Messages stay unacknowledged until their tasks end.
    task_acks_late=True,
    worker_prefetch_multiplier=8,
    worker_hijack_root_logger=False,
)


@app.task(name="shop.mail.send_receipt")
def send_receipt(order: int, account: int) -> None:
    time.sleep(0.5)


@app.task(name="shop.search.reindex")
def reindex(account: int, full: bool = False) -> None:
    time.sleep(0.5)


@app.task(name="shop.billing.charge")
def charge(account: int, amount: str) -> None:
    time.sleep(0.5)


def send(count: int, choose: random.Random) -> None:
    """Sends messages. One account sends far more than all others."""
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(count):
            account = 42 if choose.random() < 0.6 else choose.randrange(100)
            if account == 42:
                reindex.apply_async(kwargs={"account": account, "full": True}, producer=producer)
            elif choose.random() < 0.7:
                order = choose.randrange(1_000_000)
                send_receipt.apply_async((order,), {"account": account}, queue="mail", producer=producer)
            else:
                charge.apply_async((account, "9.90"), countdown=choose.choice([0, 3_600]), producer=producer)
