// Package megvii implements Megvii's FaceID H5 ("Lite", Premium, for the Chinese
// mainland): get_token opens a session whose page runs in any browser,
// notify_url and return_url bring its ending, signed, and get_result reads it
// again, three times in a day at most.
//
// Sources: https://faceid.com/document/faceid-guide-docs/adv_h5_get_token and
// /h5_get_token, https://v2.faceid.com/document/faceid-guide-docs/adv_h5_get_result,
// /adv_h5_return_notify_url (callbacks) and /h5_access_guidence (settings of
// the console), https://global.faceid.com/faceid-doc/docs/PRO-H5-Lite-Callbacks.html.
//
// Limits: the concurrency of a key is limited, the figure is not published; we
// ask for five openings and five results a second. A token is good for one use
// and until its expired_time. Ports of notify_url: 443, 5000, 16003, 8883,
// 8028.
//
// What bites: key and secret travel in every request, in get_result's address
// too, so no error of net/http leaves this package. Status OK says that the
// flow ended, not that anybody passed; thresholds come with every answer and
// hold for no other. A callback is signed with SHA-1 over secret and data,
// which is no HMAC: data can be continued by whoever saw a pair, so nothing may
// follow its JSON value. It carries no time: a repeated one is genuine. A
// biz_id has a comma in it.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - Whether fake faces count in a liveness PASS by default. Config.FMPMode
//     "0" asks for it in every session, and the scores are looked at as well.
//     With "1" an answer without them is inconclusive.
//   - Whether equality reaches a threshold. A likeness equal to its threshold
//     does; an attack score equal to its threshold is an attack.
//   - How the fourth look-up of a result is refused: Config.DataDestroyed. A
//     403 with another text than the documents' is an outage, never final.
//   - Whether look-ups of a running or failed call count. They are counted by
//     the caller, before each.
//   - What a repeated biz_no is answered with. Every call has a fresh one.
//   - How often, in which order and with which patience callbacks come. None
//     of it matters: any of them may be the only one.
//   - The literals of action_http_method. The field is sent for
//     Config.ReturnMethod "GET" only.
//   - What else verify_result holds beside an error_message. The error decides.
//   - Whether a liveness that failed, or a suspected attack, is charged:
//     unknown, unless a comparison stands beside it.
//
// Not used: encryption_type (its details are not public), the person's typing
// or photographing of the card (idcard_mode 1 to 4), and pictures of results.
// The verdict also reads comparisons with photos of ours (comparison_type 0),
// for sessions that say in their handle how many they sent; get_token sends
// none yet.
package megvii
