import { describe, expect, it, vi } from "vitest";

vi.mock("@/api/hooks", () => ({}));
vi.mock("./session", () => ({}));
const { gatewayAt } = await import("./gateway");

describe("the address of the gateway", () => {
  it.each([
    ["127.0.0.1:3100", "http://127.0.0.1:3100"],
    ["0.0.0.0:8080", "http://box:8080"],
    ["[::]:8080", "http://box:8080"],
    ["[::1]:8080", "http://[::1]:8080"],
    [undefined, "http://box:8080"],
    [true, "http://box:8080"],
  ])("that is bound to %s is %s", (bind, address) => expect(gatewayAt(bind, "box")).toBe(address));
});
