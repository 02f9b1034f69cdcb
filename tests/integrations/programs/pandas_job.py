"""Sum up orders by customer and month."""

import pandas as pd

rows = [
    {"customer": f"c{i % 7}", "month": i % 12 + 1, "price": (i * 37 % 101) / 4} for i in range(3000)
]
orders = pd.DataFrame(rows)
by_customer = orders.groupby("customer")["price"].agg(["count", "sum"])
table = orders.pivot_table(index="customer", columns="month", values="price", aggfunc="mean")
print(by_customer.to_string())
print(table.round(2).loc["c3"].tolist())
