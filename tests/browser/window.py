"""mitmweb's page, as a person sees and clicks it."""

import re

from playwright.sync_api import Browser, Locator, Page, expect

PATIENCE_MS = 20_000


class Window:
    def __init__(self, browser: Browser, web_port: int, password: str, width: int = 1280, height: int = 760) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page.goto(f"http://127.0.0.1:{web_port}/?token={password}")

    @property
    def rows(self) -> Locator:
        return self.page.locator(".flow-table tbody tr:has(td)")

    def row(self, words: str) -> Locator:
        """The latest whose comment holds the words."""
        return self.rows.filter(has_text=words).last

    @property
    def text(self) -> Locator:
        """The body as the chosen view shows it."""
        return self.page.locator(".contentview pre")

    def open(self, words: str) -> None:
        self.row(words).locator("td.col-status").click()

    def tab(self, name: str) -> None:
        self.page.locator(".nav-tabs-sm").get_by_text(name, exact=True).click()

    def view(self, name: str) -> None:
        self.page.locator(".contentview .controls").get_by_text("View:").click()
        self.page.locator(".dropdown-menu, [role=menu]").get_by_text(name, exact=True).click()
        expect(self.page.locator(".contentview h5")).to_have_text(re.compile(name, re.IGNORECASE))

    def intercept(self, expression: str) -> None:
        self.page.get_by_text("Flow List", exact=True).click()
        field = self.page.get_by_placeholder("Intercept")
        field.fill(expression)
        field.press("Enter")

    def search(self, expression: str) -> None:
        self.page.get_by_text("Flow List", exact=True).click()
        field = self.page.get_by_placeholder("Search")
        field.fill(expression)
        field.press("Enter")

    def edit(self, change: dict[str, str]) -> None:
        """Opens the editor, replaces words in it and saves."""
        self.page.locator(".contentview .controls").get_by_text("Edit").click()
        editor = self.page.locator(".cm-content")
        expect(editor).to_contain_text(next(iter(change)))  # the editor is there before its text
        text = editor.inner_text()
        for old, new in change.items():
            assert old in text, text
            text = text.replace(old, new)
        editor.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)
        self.page.get_by_text("Done", exact=True).click()
        expect(editor).to_have_count(0)

    def resume(self) -> None:
        self.page.locator(".nav-tabs-lg").get_by_text("Flow", exact=True).click()
        self.page.get_by_title("[a]ccept intercepted flow").click()
