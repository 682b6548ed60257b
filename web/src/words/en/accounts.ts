export const accounts = {
  about: "What accounts have left of their quotas, as the headers of their providers' answers last told.",
  used: (percent: string) => `${percent} used`,
  left: (left: string, limit: string) => `${left} of ${limit} left`,
  resets: (when: string) => `free again ${when}`,
  told: (when: string) => `told ${when}`,
  nobody: "no account was named",
  none: "No answer has told of a quota yet.",
  noneHow: [
    "Quotas come with the headers of answers: of subscriptions (Claude, Codex) and of rate limits of API keys. The first call to such a provider shows them here.",
    "Behind CLIProxyAPI, name it as the upstream: its answers pass on the headers of the accounts it calls with, and Wellhead keeps them for each account.",
  ],
  upstream: "Start the gateway in front of CLIProxyAPI",
  spend: "Spent by account, last 7 days",
  noSpend: "No calls in the last 7 days.",
  noSpendHow:
    "Calls come here by the account that their provider booked them on, as soon as they have ended.",
  account: "account",
  provider: "provider",
  calls: "calls",
  tokens: "tokens",
  cost: "cost",
};
