// A small onboarding service: it starts verifications for applicants and learns
// the verdicts by webhook. It keeps no name and no number.
//
//   API, KEY         the API and its key, as "yanzhen dev" prints them
//   WEBHOOK_SECRET   of its endpoint /webhooks/yanzhen
//   PORT             its own, on localhost
//
//   curl -d '{"name": "测试甲", "id_number": "110199199003070017", "from": "20200115", "to": "20400115"}' localhost:3000/applications
//   curl localhost:3000/applications/<id>
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import type { components } from "./yanzhen.js";

type Verification = components["schemas"]["Verification"];
type StartRequest = components["schemas"]["StartRequest"];
type Problem = components["schemas"]["Problem"];
type Event = components["schemas"]["Event"];
type MiniProgram = components["schemas"]["MiniProgram"];

const { API, KEY, WEBHOOK_SECRET, PORT = "3000" } = process.env;
if (!API || !KEY || !WEBHOOK_SECRET) throw new Error("set API, KEY and WEBHOOK_SECRET");
const webhook = new Webhook(WEBHOOK_SECRET);
const base = `http://localhost:${PORT}`;

/** What is known of an applicant; a real service keeps it in its database. */
interface Application {
  verification?: string;
  link?: string;
  /** In place of a link, where the applicant is in our WeChat mini program: for their own session of it alone. */
  mini_program?: MiniProgram;
  outcome?: string;
  sequence: number;
}
const applications = new Map<string, Application>();

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.title} (request ${problem.request_id})`);
  }
}

/** Calls the API; 429, 503 and a lost connection are tried again: every call may be repeated. */
async function call<T>(method: string, path: string, body?: unknown, header: Record<string, string> = {}): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let seconds = attempt;
    try {
      const answer = await fetch(API + path, {
        method,
        headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json", ...header },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(45_000),
      });
      if (answer.ok) return (await answer.json()) as T;
      if ((answer.status !== 429 && answer.status !== 503) || attempt === 4) throw new Refused((await answer.json()) as Problem);
      seconds = Number(answer.headers.get("Retry-After")) || seconds;
    } catch (err) {
      if (err instanceof Refused || attempt === 4) throw err;
    }
    await sleep(seconds * 1000);
  }
}

/** Starts a verification. The application's id is the key: a repeat finds the same one. */
async function apply(person: { name: string; id_number: string; from: string; to: string; in_mini_program?: boolean }): Promise<string> {
  const id = randomUUID();
  applications.set(id, { sequence: 0 });
  const request: StartRequest = {
    policy: "cn-resident",
    presentation: "vendor", // the face vendor's own page; without it ours, which also asks for consent
    subject: { name: person.name, id_number: person.id_number, id_validity: { from: person.from, to: person.to } },
    client_reference_id: id,
    return_url: `${base}/applications/${id}`,
    ...(person.in_mini_program ? { presentation: "mini_program" as const } : {}),
  };
  const v = await call<Verification>("POST", "/v1/verifications", request, { "Idempotency-Key": id });
  const application = applications.get(id)!;
  application.verification = v.id;
  if (v.next_action?.url) application.link = v.next_action.url;
  if (v.next_action?.mini_program) application.mini_program = v.next_action.mini_program;
  return id;
}

/** Takes an event, which may come twice, or after a later one: its sequence decides. */
function take(event: Event): void {
  const { client_reference_id: id, status, decision, sequence } = event.data;
  const application = id ? applications.get(id) : undefined;
  if (!application || sequence <= application.sequence) return;
  application.sequence = sequence;
  if (status === "completed" && decision) application.outcome = decision;
  else if (status === "in_review") application.outcome = "review";
  else if (status === "expired" || status === "canceled" || status === "error") application.outcome = status;
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    if ((size += part.length) > 64 << 10) throw new Error("too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

createServer(async (request, response) => {
  const send = (status: number, body?: unknown) =>
    response.writeHead(status, { "Content-Type": "application/json" }).end(body === undefined ? "" : JSON.stringify(body));
  try {
    const path = new URL(request.url ?? "/", base).pathname;
    const id = path.match(/^\/applications\/([\w-]+)$/)?.[1];
    if (request.method === "POST" && path === "/webhooks/yanzhen") {
      const body = await read(request);
      let event: Event;
      try {
        event = webhook.verify(body, request.headers as Record<string, string>) as Event;
      } catch {
        return send(400); // forged, or from more than five minutes ago
      }
      take(event);
      return send(204);
    }
    if (request.method === "POST" && path === "/applications") {
      return send(201, { id: await apply(JSON.parse(await read(request))) });
    }
    const application = id ? applications.get(id) : undefined;
    return application ? send(200, application) : send(404, { error: "Not found." });
  } catch (err) {
    console.error(err instanceof Refused ? err.message : err);
    if (err instanceof Refused && err.problem.code === "invalid_request") return send(422, err.problem.errors);
    return send(503, { error: "Something went wrong. Try again in a moment." });
  }
}).listen(Number(PORT), "127.0.0.1", () => console.log(`onboarding at ${base}`));
