"""What a page looks like: which of its texts are hard to read, and whether it fits."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

READABLE = 4.5
"""The least contrast of a text with what is behind it, as WCAG 2.2 asks in 1.4.3; more than it asks of large text."""

# Colours are drawn, whatever their notation, so that they can be read as red, green, blue and alpha.
_TEXTS = """
() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, bottom) => [0, 1, 2].map((i) => top[i] * top[3] + bottom[i] * (1 - top[3])).concat(1);
  const light = (colour) =>
    [0.2126, 0.7152, 0.0722]
      .map((weight, i) => {
        const part = colour[i] / 255;
        return weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      })
      .reduce((sum, part) => sum + part);
  const behind = (element) => {
    const under = element.parentElement ? behind(element.parentElement) : read("Canvas");
    return over(read(getComputedStyle(element).backgroundColor), under);
  };

  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || element.closest("script, style, svg") || !element.checkVisibility({ visibilityProperty: true })) continue;
    const back = behind(element);
    const [bright, dark] = [light(over(read(getComputedStyle(element).color), back)), light(back)].sort((a, b) => b - a);
    found.push([text.slice(0, 40), (bright + 0.05) / (dark + 0.05)]);
  }
  return found;
}
"""


def contrasts(page: Page) -> list[tuple[str, float]]:
    """The beginning of each visible text, and its contrast with what is behind it: 1 (none) to 21."""
    found: list[Any] = page.evaluate(_TEXTS)
    return [(text, round(contrast, 2)) for text, contrast in found]


def colours(page: Page) -> tuple[str, str]:
    """Of the page's text and of what is behind it."""
    style: list[str] = page.evaluate(
        "(() => { const style = getComputedStyle(document.body); return [style.color, style.backgroundColor] })()"
    )
    return style[0], style[1]


def overhang(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
