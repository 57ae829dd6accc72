"""Files that need torch at their head are left out only where torch was left out by name."""

import os

collect_ignore = (
    [
        *("networks.py", "test_empirical_torch.py", "test_empirical_refuses.py"),
        "test_model_torch.py",
    ]
    if os.environ.get("WITHOUT") == "torch"
    else []
)
