/// A page without anything from elsewhere, built piece by piece.
struct HTML {
  private(set) var body = ""

  mutating func heading(_ text: String) { body += "<h2>\(escaped(text))</h2>\n" }

  mutating func paragraph(_ text: String) { body += "<p>\(escaped(text))</p>\n" }

  /// What is a page's own already, such as a drawing.
  mutating func figure(_ svg: String) { body += "<figure>\(svg)</figure>\n" }

  /// A table whose first column is text, with notes, a line each, under some of its cells.
  mutating func table(_ columns: [String], _ rows: [[(text: String, note: String)]]) {
    body += "<div class=\"wide\"><table><thead><tr>"
    for column in columns { body += "<th>\(escaped(column))</th>" }
    body += "</tr></thead><tbody>\n"
    for row in rows {
      body += "<tr>"
      for (index, cell) in row.enumerated() {
        let note = cell.note.split(separator: "\n")
          .map { "<small>\(escaped(String($0)))</small>" }.joined()
        let tag = index == 0 ? "th" : "td"
        body += "<\(tag)>\(escaped(cell.text))\(note)</\(tag)>"
      }
      body += "</tr>\n"
    }
    body += "</tbody></table></div>\n"
  }

  /// Bars, each as long as its part of the longest.
  mutating func bars(_ values: [(name: String, count: Int)]) {
    let most = values.map(\.count).max() ?? 0
    body += "<table class=\"bars\"><tbody>\n"
    for value in values {
      let width = most > 0 ? 100 * value.count / most : 0
      body += "<tr><th>\(escaped(value.name))</th><td><i style=\"width:\(width)%\"></i></td>"
      body += "<td>\(value.count)</td></tr>\n"
    }
    body += "</tbody></table>\n"
  }

  func page(title: String) -> String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
    <meta name="viewport" content="width=device-width,initial-scale=1">
    <style>
    body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
    body{color:#1c1e21}
    h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}
    th,td{padding:.25rem .7rem;text-align:right;vertical-align:top}
    th,td{border-bottom:1px solid #e3e5e8}
    th:first-child{text-align:left;font-weight:600}thead th{color:#5a6069;font-weight:600}
    small{display:block;color:#6b717a;font-size:.8em}td small{white-space:nowrap}
    figure{margin:1rem 0}figure svg{max-width:100%;height:auto}
    .bars td:nth-child(2){width:26rem;text-align:left}
    .bars i{display:block;height:1em;background:#4477aa;min-width:1px}
    @media(prefers-color-scheme:dark){
    body{background:#16181b;color:#e4e6e9}th,td{border-color:#33373d}
    small,thead th{color:#9aa1aa}figure svg{background:#fff}}
    </style></head><body>
    <h1>\(escaped(title))</h1>
    \(body)</body></html>

    """
  }
}
