import { Center } from "@mantine/core";
import { IconLinkOff } from "@tabler/icons-react";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { onSessionEnd } from "../api/client";
import { queryClient } from "../api/queries";
import { useT } from "../i18n";
import { Empty, Trouble } from "../parts/basics";
import { SharedNames } from "../parts/Names";
import { makeRouter } from "../router";
import { leave, portal, type Visitor, VisitorContext } from "../session";
import { SignOutContext } from "./Shell";
import { SignIn } from "./SignIn";

/** Either somebody is signed in and sees the pages, or they are asked who they are. */
export function App({ first, failed }: { first?: Visitor; failed?: unknown }) {
  const t = useT();
  const [visitor, setVisitor] = useState(first);
  const [ended, setEnded] = useState(false);
  const router = useMemo(() => makeRouter(), []);
  useEffect(
    () =>
      onSessionEnd(() => {
        setVisitor((v) => {
          if (v) setEnded(true);
          return undefined;
        });
      }),
    [],
  );
  if (failed) {
    return (
      <Center mih="100dvh" p="md">
        <Trouble error={failed} retry={() => location.reload()} />
      </Center>
    );
  }
  if (!visitor && portal) {
    return (
      <Center mih="100dvh" p="md" component="main">
        <Empty icon={<IconLinkOff size={40} />} title={t.portal.ended} text={t.portal.endedText} />
      </Center>
    );
  }
  if (!visitor) {
    return (
      <SignIn
        ended={ended}
        onSignIn={(v) => {
          queryClient.clear();
          setEnded(false);
          setVisitor(v);
        }}
      />
    );
  }
  const signOut = async () => {
    await leave();
    setVisitor(undefined);
    queryClient.clear();
  };
  return (
    <VisitorContext value={visitor}>
      <SignOutContext value={signOut}>
        <SharedNames>
          <RouterProvider router={router} />
        </SharedNames>
      </SignOutContext>
    </VisitorContext>
  );
}
