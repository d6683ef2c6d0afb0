//! Writes sample pages with every part, in both languages, to a folder, to be looked at in a browser: `cargo run -p web --example gallery -- DIR`.
//!
//! Serve the folder, for instance with `python3 -m http.server --directory DIR`: the style sheet is found by its path.

use std::error::Error;
use std::path::PathBuf;

use kit::{Lang, Problem, Text};
use web::{
    Cell, Definitions, Empty, Frame, NavLink, Page, Part, State, StatusItem, StatusList, Table, assets, problem,
};

fn frame(lang: Lang, path: &str) -> Frame {
    let link = |href: &str, vi, en| NavLink { href: href.to_owned(), label: Text::new(vi, en) };
    Frame::new(lang, path).place(Text::new("Cổng Bộ Nội vụ", "Gateway of the Ministry of Home Affairs").get(lang)).nav(
        vec![
            link("/", "Tình trạng", "Health"),
            link("/members", "Thành viên", "Members"),
            link("/messages", "Thông điệp", "Messages"),
        ],
    )
}

fn health(lang: Lang) -> Page {
    let say = |vi, en| Text::new(vi, en).get(lang);
    let status = StatusList {
        items: vec![
            StatusItem::good(say("Cấu hình toàn hệ thống", "Global configuration")).detail(say("hiệu lực đến 23/11/2026 15:44", "valid until 23/11/2026 15:44")),
            StatusItem::attention(
                say("Chứng thư xác thực", "Authentication certificate"),
                say("Xin chứng thư mới: chứng thư này hết hạn sau 12 ngày.", "Ask for a new certificate: this one expires in 12 days."),
            ),
            StatusItem::bad(
                say("Dấu thời gian", "Time-stamps"),
                say("Kiểm tra đường nối tới máy chủ dấu thời gian; sau 4 giờ cổng sẽ ngừng nhận thông điệp.", "Check the connection to the time-stamping server; after 4 hours the gateway stops taking messages."),
            )
            .detail(say("lần cuối thành công 23/11/2026 09:12", "last success 23/11/2026 09:12")),
            StatusItem::unknown(say("Lưu trữ", "Archive")),
        ],
    };
    let facts = Definitions::default()
        .with(say("Mã máy chủ", "Server code"), Cell::Code("VN/GOV/G01/gateway-1".to_owned()))
        .with(say("Thông điệp hôm nay", "Messages today"), Cell::Number("128.402".to_owned()))
        .with(say("Trạng thái", "State"), Cell::State(State::Attention));
    Page::new(frame(lang, "/"), say("Tình trạng cổng kết nối", "Health of the gateway"))
        .lead(say("Xanh là chạy tốt; đỏ nói cần làm gì.", "Green means it works; red says what to do."))
        .with(status)
        .with(Part::Heading(say("Thông tin", "Facts").to_owned()))
        .with(facts)
}

fn members(lang: Lang) -> Page {
    let say = |vi, en| Text::new(vi, en).get(lang);
    let columns = [say("Tên", "Name"), say("Mã", "Code"), say("Thông điệp", "Messages"), say("Tình trạng", "State")];
    let mut table = Table::new(say("Các cơ quan đã tham gia", "Agencies that have joined"), columns);
    for (name, code, count, state) in [
        ("Bộ Nội vụ", "VN/GOV/G01", "12.204", State::Good),
        ("Ủy ban nhân dân tỉnh Khánh Hòa", "VN/GOV/H32", "3.871", State::Attention),
        ("Bảo hiểm xã hội Việt Nam", "VN/GOV/G34", "0", State::Bad),
    ] {
        let link = Cell::Link { href: format!("/members/{code}"), text: name.to_owned() };
        table.row([link, Cell::Code(code.to_owned()), Cell::Number(count.to_owned()), Cell::State(state)]);
    }
    table.next = Some(("/members?after=G34".to_owned(), say("Trang sau", "Next page").to_owned()));
    Page::new(frame(lang, "/members"), say("Thành viên", "Members"))
        .with(table)
        .with(Part::Heading(say("Chờ duyệt", "Waiting").to_owned()))
        .with(Empty {
            what: say("Chưa có yêu cầu đăng ký nào.", "There is no registration request.").to_owned(),
            remedy: say("Yêu cầu của các cổng sẽ hiện ở đây.", "Requests of gateways appear here.").to_owned(),
        })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("say the folder to write to")?);
    let sheet = folder.join(assets::STYLESHEET_PATH.trim_start_matches('/'));
    std::fs::create_dir_all(sheet.parent().ok_or("the style sheet has no folder")?)?;
    std::fs::write(&sheet, assets::STYLESHEET)?;
    for lang in [Lang::Vi, Lang::En] {
        let refused =
            Problem::new(kit::problem::INVALID).detail("/code: 12 ≠ 13").fault("/code", "13 ký tự").retry_after(30);
        let pages = [
            ("health", health(lang)),
            ("members", members(lang)),
            ("problem", problem::page(frame(lang, "/x"), &refused)),
        ];
        for (name, page) in pages {
            std::fs::write(folder.join(format!("{name}-{}.html", lang.code())), page.render()?)?;
        }
    }
    Ok(())
}
