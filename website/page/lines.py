"""Where lines of the text may break, and where not."""

import re
from typing import Any

from sphinx.application import Sphinx


def tie(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep names, numbers and page ranges together; let long names of code break at a dot."""
    body = REFERENCE.sub(r'<span class="glue">\1</span>', context["body"])
    name = ANY_NAME if 'class="ledger' in body else NAME
    body = name.sub(lambda match: match[0].replace(".", ".<wbr>"), body)
    body = HEAD.sub(r'\1<span class="glue">\2</span>\3', body)
    body = ET_AL.sub("\u00a0<em>et\u00a0al.</em>", body)
    if "doc-biblioentry" in body:
        body = RANGE.sub("\u2060–\u2060", body)
    # Deprecated in ARIA 1.2; the entries stand in a list.
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


# A reference by kind and number, such as "Proposition 8".
REFERENCE = re.compile(r'(?<=">)([A-Z][a-z]+ \d+)(?=</a>)')
# A dash between page numbers, where a line does not break.
RANGE = re.compile(r"(?<=\d)–(?=\d)")
# A name of the package in the text that is too long for a line of a phone: it breaks after a dot.
NAME = re.compile(r'(?<=<span class="pre">)ntklib\.[\w.]{27,}')
# In the narrow column of the ledger, any.
ANY_NAME = re.compile(r'(?<=<span class="pre">)ntklib\.[\w.]+')
# A name with a hyphen at the head of a column.
HEAD = re.compile(r"(<th[^>]*><p>)(\w{1,6}-\w{1,4})(</p>)")
ET_AL = re.compile(r"\s+<em>et al\.</em>")
