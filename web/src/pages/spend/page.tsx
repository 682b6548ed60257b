import { useWords } from "@/app/preferences";
import { PageHead } from "@/parts/page";

export default function Page() {
  const words = useWords();
  return <PageHead title={words.app.pages.spend} />;
}
