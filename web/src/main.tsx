import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { options } from "preact";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/hooks";
import { Preferred } from "./app/preferences";
import { router } from "./app/router";
import { SignedIn } from "./app/session";
import "./styles/themes.css";
import "./styles/base.css";
import "./styles/parts.css";

// Effects follow a change at once, as they follow what somebody does in React; not a frame later.
options.requestAnimationFrame = queueMicrotask;

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Preferred>
        <SignedIn>
          <RouterProvider router={router} />
        </SignedIn>
      </Preferred>
    </QueryClientProvider>
  </StrictMode>,
);
